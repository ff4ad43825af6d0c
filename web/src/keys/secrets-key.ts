export const secretsKey = ['keys', 'secrets'] as const;
