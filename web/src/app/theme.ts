import {
  Card,
  Code,
  type CSSVariablesResolver,
  createTheme,
  Input,
  type MantineColorsTuple,
  type MantineTheme,
  Paper,
} from '@mantine/core';

const nexus: MantineColorsTuple = [
  '#eff0ff',
  '#dcdefc',
  '#b8bdf7',
  '#9299f2',
  '#727bee',
  '#5e68ec',
  '#525dec',
  '#434dd2',
  '#3a45bc',
  '#2e3aa6',
];

/** Grey with a little blue: 0 is text, 7 the page, 6 what lies on it, 4 lines. */
const dark: MantineColorsTuple = [
  '#d8dbe6',
  '#b9bfcf',
  '#99a1b5',
  '#6d758c',
  '#363c4e',
  '#2a2f3f',
  '#1c202c',
  '#141721',
  '#0f121a',
  '#0a0c12',
];

export const theme = createTheme({
  colors: { nexus, dark },
  primaryColor: 'nexus',
  primaryShade: { light: 7, dark: 6 },
  autoContrast: true,
  defaultRadius: 'md',
  cursorType: 'pointer',
  fontFamily: 'system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "Liberation Sans", sans-serif',
  fontFamilyMonospace: 'ui-monospace, SFMono-Regular, Menlo, "Cascadia Mono", "Liberation Mono", monospace',
  headings: {
    fontWeight: '650',
    sizes: { h1: { fontSize: '1.75rem', lineHeight: '1.25' }, h2: { fontSize: '1.25rem', lineHeight: '1.35' } },
  },
  focusRing: 'auto',
  respectReducedMotion: true,
  components: {
    Card: Card.extend({ defaultProps: { withBorder: true, radius: 'lg', padding: 'lg' } }),
    Code: Code.extend({ vars: () => ({ root: { '--code-bg': 'var(--nexus-canvas)' } }) }),
    // Nearly every field is required: the optional ones say so.
    InputWrapper: Input.Wrapper.extend({ defaultProps: { withAsterisk: false } }),
    Paper: Paper.extend({ defaultProps: { radius: 'lg' } }),
  },
});

/** The `light` variant of every colour as a tint of what it lies on, so that it is as quiet on a card as on the page. */
function tints({ colors }: MantineTheme, share: number, text: (color: string) => string): Record<string, string> {
  const names = Object.keys(colors).filter((name) => name !== 'dark');
  return Object.fromEntries(
    names.flatMap((name) => {
      const tint = (percent: number) => `color-mix(in srgb, var(--mantine-color-${name}-6) ${percent}%, transparent)`;
      return [
        [`--mantine-color-${name}-light`, tint(share)],
        [`--mantine-color-${name}-light-hover`, tint(share + 6)],
        [`--mantine-color-${name}-light-color`, text(`--mantine-color-${name}`)],
      ];
    }),
  );
}

/** What Mantine has no token for, and what of its own is too pale to read on white (WCAG 2.2, 1.4.3). */
export const cssVariables: CSSVariablesResolver = (theme) => ({
  variables: {},
  light: {
    '--nexus-canvas': '#f6f7fb',
    '--mantine-color-dimmed': '#5b6376',
    '--mantine-color-error': '#b42828',
    '--mantine-color-red-text': '#b42828',
    ...tints(theme, 11, (color) => `color-mix(in srgb, var(${color}-9) 78%, black)`),
  },
  dark: {
    '--nexus-canvas': '#0f121a',
    '--mantine-color-dimmed': '#99a1b5',
    '--mantine-color-anchor': 'var(--mantine-color-nexus-3)',
    '--mantine-color-disabled': '#262b39',
    ...tints(theme, 18, (color) => `var(${color}-3)`),
  },
});
