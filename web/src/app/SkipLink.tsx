import { Button } from '@mantine/core';
import { useState } from 'react';

/** The first stop of the Tab key: past the navigation, to the page. Seen only while it has the focus. */
export function SkipLink() {
  const [focused, setFocused] = useState(false);
  return (
    <Button
      component="a"
      href="#main"
      size="sm"
      pos="fixed"
      top={focused ? 10 : -100}
      left={10}
      style={{ zIndex: 1_000 }}
      onFocus={() => setFocused(true)}
      onBlur={() => setFocused(false)}
    >
      Skip to content
    </Button>
  );
}
