import { Alert, Button, Card, Group, Radio, Stack, Text, Textarea, TextInput, Title } from '@mantine/core';
import { IconUsers } from '@tabler/icons-react';
import type { Visibility } from '../../api/types';
import { ErrorNotice } from '../../shared/ErrorNotice';
import { VISIBILITIES } from '../content/labels';
import type { VersionedContent } from '../content/queries';
import { MAX_DESCRIPTION } from './details';
import { useDetailsForm } from './use-details-form';

/** Edits what people read about an item, and who may watch it. */
export function DetailsForm({ content }: { content: VersionedContent }) {
  const { form, saving, error, conflict, submit, discard, overwrite } = useDetailsForm(content);
  const dirty = form.isDirty();
  return (
    <Card component="section" aria-labelledby="details">
      <form onSubmit={submit} noValidate>
        <Stack gap="md">
          <Title order={2} size="h4" id="details">
            Details
          </Title>
          <TextInput label="Title" required {...form.getInputProps('title')} />
          <Textarea
            label="Description"
            autosize
            minRows={3}
            maxRows={12}
            maxLength={MAX_DESCRIPTION}
            {...form.getInputProps('description')}
          />
          <Radio.Group label="Who may watch, once it is published" {...form.getInputProps('visibility')}>
            <Stack gap="xs" mt="xs">
              {(Object.keys(VISIBILITIES) as Visibility[]).map((visibility) => (
                <Radio
                  key={visibility}
                  value={visibility}
                  label={VISIBILITIES[visibility].label}
                  description={VISIBILITIES[visibility].audience}
                />
              ))}
            </Stack>
          </Radio.Group>
          {conflict && <Conflict theirs={content} saving={saving} onTheirs={discard} onMine={overwrite} />}
          {error && <ErrorNotice error={error} />}
          {!conflict && (
            <Group justify="flex-end" gap="sm">
              <Button variant="default" disabled={!dirty || saving} onClick={discard}>
                Undo
              </Button>
              <Button type="submit" disabled={!dirty} loading={saving}>
                Save
              </Button>
            </Group>
          )}
        </Stack>
      </form>
    </Card>
  );
}

interface ConflictProps {
  theirs: VersionedContent;
  saving: boolean;
  onTheirs: () => void;
  onMine: () => void;
}

/** Somebody else was faster: nothing is lost until the person has chosen. */
function Conflict({ theirs: { body }, saving, onTheirs, onMine }: ConflictProps) {
  return (
    <Alert role="alert" color="orange" icon={<IconUsers aria-hidden />} title="Somebody else changed this meanwhile">
      <Stack gap="xs">
        <Text size="sm">
          It is now called “{body.title}” and is {VISIBILITIES[body.visibility].label.toLowerCase()}. What you typed is
          not saved yet.
        </Text>
        <Group gap="sm">
          <Button size="xs" variant="default" onClick={onTheirs} disabled={saving}>
            Take theirs
          </Button>
          <Button size="xs" color="orange" onClick={onMine} loading={saving}>
            Save mine instead
          </Button>
        </Group>
      </Stack>
    </Alert>
  );
}
