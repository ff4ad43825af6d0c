import { Anchor, Text } from '@mantine/core';
import { parts } from './links';

/** Plain text as it was written, its web addresses as links. */
export function LinkedText({ text }: { text: string }) {
  return (
    <Text component="div" style={{ whiteSpace: 'pre-wrap', overflowWrap: 'anywhere' }}>
      {parts(text).map((part, at) =>
        part.link ? (
          // biome-ignore lint/suspicious/noArrayIndexKey: the parts of a text never move
          <Anchor key={at} href={part.text} inherit underline="always" rel="noreferrer">
            {part.text}
          </Anchor>
        ) : (
          part.text
        ),
      )}
    </Text>
  );
}
