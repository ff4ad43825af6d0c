import { Button, Code, CopyButton, Group, Modal, SimpleGrid, Stack, Text } from '@mantine/core';

interface Props {
  codes: string[];
  onClose: () => void;
}

/** Shows recovery codes, this once. */
export function RecoveryCodes({ codes, onClose }: Props) {
  return (
    <Modal opened onClose={onClose} title="Your recovery codes" centered closeOnClickOutside={false}>
      <RecoveryCodeList codes={codes} onDone={onClose} />
    </Modal>
  );
}

/** The codes, and the way to keep them. */
export function RecoveryCodeList({ codes, onDone }: { codes: string[]; onDone: () => void }) {
  return (
    <Stack>
      <Text size="sm">
        Each signs you in once when your phone is lost. They are shown only now: print them, or keep them where you keep
        passwords.
      </Text>
      <SimpleGrid cols={2} spacing="xs" component="ul" m={0} p={0} style={{ listStyle: 'none' }}>
        {codes.map((code) => (
          <li key={code}>
            <Code block>{code}</Code>
          </li>
        ))}
      </SimpleGrid>
      <Group justify="flex-end">
        <CopyButton value={codes.join('\n')}>
          {({ copied, copy }) => (
            <Button variant="default" onClick={copy}>
              {copied ? 'Copied' : 'Copy all'}
            </Button>
          )}
        </CopyButton>
        <Button onClick={onDone}>I have kept them</Button>
      </Group>
    </Stack>
  );
}
