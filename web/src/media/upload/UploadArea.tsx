import { Button, FileButton, Group, Paper, Stack, Text, ThemeIcon } from '@mantine/core';
import { IconCloudUpload, IconUpload } from '@tabler/icons-react';
import { useRef } from 'react';
import { ErrorNotice } from '../../shared/ErrorNotice';
import { UploadList } from './UploadList';
import { useFileDrop } from './use-file-drop';
import { transfers, useUploadRows } from './use-uploads';

interface Props {
  /** Large, where there is nothing else to look at. */
  prominent: boolean;
}

/** Takes files, dropped anywhere on the page or chosen, and shows how far each is. */
export function UploadArea({ prominent }: Props) {
  const { rows, error } = useUploadRows();
  const dropping = useFileDrop((files) => transfers.add(files));
  return (
    <Stack gap="md" component="section" aria-label="Uploads">
      <Paper
        withBorder
        p={{ base: 'md', sm: prominent ? 48 : 'lg' }}
        bg={dropping ? 'var(--mantine-primary-color-light)' : 'var(--mantine-color-body)'}
        bd={`2px dashed ${dropping ? 'var(--mantine-primary-color-filled)' : 'var(--mantine-color-default-border)'}`}
      >
        <Group justify="space-between" gap="md">
          <Group gap="md" wrap="nowrap" style={{ flex: '1 1 260px' }}>
            <ThemeIcon size={48} radius="xl" variant="light" visibleFrom="xs">
              <IconCloudUpload size={26} stroke={1.5} aria-hidden />
            </ThemeIcon>
            <div>
              <Text fw={600}>{dropping ? 'Let go to upload' : 'Drag films here'}</Text>
              <Text size="sm" c="dimmed">
                MP4, MOV, WebM, MKV and more. An upload may be paused, and survives a lost connection.
              </Text>
            </div>
          </Group>
          <ChooseFiles />
        </Group>
      </Paper>
      {error && <ErrorNotice error={error} />}
      {rows.length > 0 && <UploadList rows={rows} />}
    </Stack>
  );
}

function ChooseFiles() {
  const forget = useRef<() => void>(null);
  return (
    <FileButton
      multiple
      accept="video/*,audio/*,.mkv,.mxf"
      resetRef={forget}
      onChange={(files) => {
        transfers.add(files);
        // Else a browser does not tell when the same file is chosen once more.
        forget.current?.();
      }}
    >
      {(button) => (
        <Button {...button} leftSection={<IconUpload size={18} aria-hidden />}>
          Choose files
        </Button>
      )}
    </FileButton>
  );
}
