import { Anchor, Breadcrumbs, Button, Card, Group, Skeleton, Stack, Text } from '@mantine/core';
import { IconFolder, IconLock } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { api } from '../api/client';
import { EmptyState } from '../shared/EmptyState';
import { ErrorNotice } from '../shared/ErrorNotice';
import { deepPath, namesOf } from './names';
import { SecretDrawer } from './SecretDrawer';
import { secretsKey } from './secrets-key';

/** The secrets by their folders. */
export function Secrets() {
  const [folder, setFolder] = useState('');
  const [open, setOpen] = useState<string | null>(null);
  const names = useQuery({
    queryKey: [...secretsKey, 'folder', folder],
    queryFn: () =>
      folder === ''
        ? namesOf(api.GET('/api/keys/v1/secret/metadata', { params: { query: { list: true } } }))
        : namesOf(readFolder(folder)),
  });
  const make = <Button onClick={() => setOpen('')}>New secret</Button>;
  return (
    <Stack gap="lg">
      <Group justify="space-between">
        <Where folder={folder} onGo={setFolder} />
        {make}
      </Group>
      {names.error && <ErrorNotice error={names.error} retry={() => void names.refetch()} />}
      {names.isPending && <Skeleton h={120} radius="lg" aria-label="Loading secrets" />}
      {names.data?.length === 0 && (
        <EmptyState icon={IconLock} title="Nothing here">
          What programs have to know and nobody should read: passwords, tokens, keys of other services.
        </EmptyState>
      )}
      {names.data && names.data.length > 0 && (
        <Card component="ul" m={0} py="xs" style={{ listStyle: 'none' }}>
          {names.data.map((name) => (
            <Group key={name} component="li" gap="sm" py={6}>
              {name.endsWith('/') ? <IconFolder size={18} aria-hidden /> : <IconLock size={18} aria-hidden />}
              <Anchor
                component="button"
                type="button"
                onClick={() => (name.endsWith('/') ? setFolder(`${folder}${name}`) : setOpen(`${folder}${name}`))}
              >
                {name}
              </Anchor>
            </Group>
          ))}
        </Card>
      )}
      {open !== null && <SecretDrawer path={open} folder={folder} onClose={() => setOpen(null)} />}
    </Stack>
  );
}

/** A folder's names: the same path tells of a secret where `list` is not asked for. */
function readFolder(folder: string) {
  const answer = api.GET('/api/keys/v1/secret/metadata/{path}', {
    params: { path: { path: folder.replace(/\/$/, '') }, query: { list: true } },
    pathSerializer: deepPath,
  });
  return answer as unknown as Parameters<typeof namesOf>[0];
}

function Where({ folder, onGo }: { folder: string; onGo: (folder: string) => void }) {
  const parts = folder.split('/').filter((part) => part !== '');
  const places = parts.map((part, at) => ({ part, path: `${parts.slice(0, at + 1).join('/')}/` }));
  return (
    <Breadcrumbs>
      <Anchor component="button" type="button" onClick={() => onGo('')}>
        All secrets
      </Anchor>
      {places.map(({ part, path }) =>
        path === folder ? (
          <Text key={path}>{part}</Text>
        ) : (
          <Anchor key={path} component="button" type="button" onClick={() => onGo(path)}>
            {part}
          </Anchor>
        ),
      )}
    </Breadcrumbs>
  );
}
