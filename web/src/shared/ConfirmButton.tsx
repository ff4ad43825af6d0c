import { Button, type ButtonProps, Group, Modal, Stack, Text } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import type { ReactNode } from 'react';

interface Props extends Omit<ButtonProps, 'children'> {
  label: string;
  /** The question. */
  title: string;
  /** What the answer "yes" is called: the action, by its name. */
  confirm: string;
  onConfirm: () => void;
  pending?: boolean;
  /** What will happen. */
  children: ReactNode;
}

/** A button for what can't be taken back: it asks first. */
export function ConfirmButton({ label, title, confirm, onConfirm, pending, children, ...button }: Props) {
  const [opened, { open, close }] = useDisclosure();
  return (
    <>
      <Button variant="light" color="red" loading={pending} onClick={open} {...button}>
        {label}
      </Button>
      <Modal opened={opened} onClose={close} title={title} centered>
        <Stack>
          <Text size="sm">{children}</Text>
          <Group justify="flex-end">
            <Button variant="default" onClick={close} data-autofocus>
              Cancel
            </Button>
            <Button
              color="red"
              onClick={() => {
                close();
                onConfirm();
              }}
            >
              {confirm}
            </Button>
          </Group>
        </Stack>
      </Modal>
    </>
  );
}
