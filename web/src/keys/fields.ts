/** One field of a secret, as a form shows it. */
export interface Field {
  name: string;
  value: string;
}

/** The fields of a value; what is no text is shown as JSON. */
export function fieldsOf(value: Record<string, unknown>): Field[] {
  return Object.entries(value).map(([name, field]) => ({
    name,
    value: typeof field === 'string' ? field : JSON.stringify(field),
  }));
}

/** The value of the fields. Texts that look like JSON of something else become that again. */
export function secretOf(fields: Field[]): Record<string, unknown> {
  return Object.fromEntries(fields.map(({ name, value }) => [name.trim(), meant(value)]));
}

function meant(text: string): unknown {
  if (!/^[[{]/.test(text)) return text;
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
