import { Box, Group, PasswordInput, type PasswordInputProps, Progress, Text } from '@mantine/core';
import { useId } from '@mantine/hooks';
import { strength } from './rules';

interface Props extends PasswordInputProps {
  value?: string;
  /** The address that the password must not be. */
  email?: string;
}

const COLORS = ['gray', 'red', 'orange', 'lime.6', 'teal'];

/** A field for a password that somebody chooses, with how strong it is. Its height is the same with and without text. */
export function NewPasswordInput({ email, ...props }: Props) {
  const value = props.value ?? '';
  const { score, label, hint } = strength(value, email);
  const hintId = useId();
  return (
    <Box>
      <PasswordInput autoComplete="new-password" aria-describedby={hintId} {...props} />
      <Group gap={6} mt={8} wrap="nowrap" aria-hidden>
        {[1, 2, 3, 4].map((step) => (
          <Progress key={step} value={score >= step ? 100 : 0} color={COLORS[score]} size={4} flex={1} />
        ))}
      </Group>
      <Text id={hintId} size="xs" c="dimmed" mt={6} mih="3.1em" role="status">
        {score > 0 && (
          <Text span inherit fw={600} c="var(--mantine-color-text)">
            {label}.{' '}
          </Text>
        )}
        {hint}
      </Text>
    </Box>
  );
}
