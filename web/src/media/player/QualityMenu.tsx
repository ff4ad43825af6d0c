import { Button, Menu } from '@mantine/core';
import { IconSettings } from '@tabler/icons-react';
import type { Quality } from './engine';

interface Props {
  qualities: readonly Quality[];
  /** `null`: the line's speed decides. */
  chosen: number | null;
  /** Which one is on the screen. */
  playing: number | null;
  onChoose: (quality: number | null) => void;
}

/** Chooses how sharp the picture is. */
export function QualityMenu({ qualities, chosen, playing, onChoose }: Props) {
  const heightOf = (id: number | null) => qualities.find((quality) => quality.id === id)?.height;
  const height = heightOf(chosen ?? playing);
  const current = [chosen === null ? 'Auto' : null, height ? `${height}p` : null].filter(Boolean).join(' · ');
  return (
    <Menu position="top-end" width={160}>
      <Menu.Target>
        <Button
          variant="subtle"
          color="gray"
          size="compact-sm"
          leftSection={<IconSettings size={16} aria-hidden />}
          aria-label={`Quality: ${current}`}
        >
          {current}
        </Button>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.RadioGroup
          value={chosen === null ? 'auto' : String(chosen)}
          onChange={(value) => onChoose(value === 'auto' ? null : Number(value))}
        >
          <Menu.RadioItem value="auto">Auto</Menu.RadioItem>
          {qualities.map(({ id, height }) => (
            <Menu.RadioItem key={id} value={String(id)}>
              {height}p
            </Menu.RadioItem>
          ))}
        </Menu.RadioGroup>
      </Menu.Dropdown>
    </Menu>
  );
}
