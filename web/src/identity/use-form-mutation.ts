import type { UseFormReturnType } from '@mantine/form';
import { type UseMutationOptions, useMutation } from '@tanstack/react-query';
import { asProblem, fieldErrors } from '../api/problem';

interface Options<V, T> extends Pick<UseMutationOptions<T, Error, V>, 'onSuccess'> {
  send: (values: V) => Promise<T>;
  /** The field that a problem of this code is about, where the problem itself does not say. */
  fieldOf?: Record<string, string>;
}

/**
 * Sends a form. Fields that are wrong, here or at the server, say so, and the first of them gets the focus; `problem` is what
 * is left to show for the form as a whole.
 */
export function useFormMutation<V extends Record<string, unknown>, T>(
  form: UseFormReturnType<V>,
  { send, onSuccess, fieldOf = {} }: Options<V, T>,
) {
  const wrongFields = (error: Error) => {
    const problem = asProblem(error);
    const field = fieldOf[problem.code];
    return field ? { [field]: problem.message } : fieldErrors(problem, Object.keys(form.getValues()));
  };
  const focusFirst = (errors: object) => {
    const [first] = Object.keys(errors);
    if (first) form.getInputNode(first)?.focus();
  };
  const mutation = useMutation<T, Error, V>({
    mutationFn: send,
    onSuccess,
    onError: (error) => {
      const wrong = wrongFields(error);
      if (!wrong) return;
      form.setErrors(wrong);
      focusFirst(wrong);
    },
  });
  const problem = mutation.error && !wrongFields(mutation.error) ? asProblem(mutation.error) : null;
  const submit = form.onSubmit((values) => mutation.mutate(values), focusFirst);
  return { submit, pending: mutation.isPending, problem, mutation };
}
