import { Tabs } from '@mantine/core';
import { PageHeader } from '../shared/PageHeader';
import { EncryptionKeys } from './EncryptionKeys';
import { KeyLog } from './KeyLog';
import { Secrets } from './Secrets';

/** The organisation's keys and secrets, as programs reach them by Vault's API. */
export function Keys() {
  return (
    <>
      <PageHeader
        title="Keys and secrets"
        description={`Encryption keys that never leave, and secrets with their versions. Programs reach them as they reach Vault, at ${location.origin}/api/keys.`}
      />
      <Tabs defaultValue="keys" maw={960} keepMounted={false}>
        <Tabs.List mb="lg">
          <Tabs.Tab value="keys">Encryption keys</Tabs.Tab>
          <Tabs.Tab value="secrets">Secrets</Tabs.Tab>
          <Tabs.Tab value="log">Log</Tabs.Tab>
        </Tabs.List>
        <Tabs.Panel value="keys">
          <EncryptionKeys />
        </Tabs.Panel>
        <Tabs.Panel value="secrets">
          <Secrets />
        </Tabs.Panel>
        <Tabs.Panel value="log">
          <KeyLog />
        </Tabs.Panel>
      </Tabs>
    </>
  );
}
