import { IconLock, type IconProps, IconUsers, IconWorld } from '@tabler/icons-react';
import type { ComponentType } from 'react';
import type { Content, Visibility } from '../../api/types';

interface VisibilityLabel {
  label: string;
  /** Who may watch it once it is published. */
  audience: string;
  icon: ComponentType<IconProps>;
}

export const VISIBILITIES: Record<Visibility, VisibilityLabel> = {
  public: { label: 'Public', audience: 'Everybody, signed in or not', icon: IconWorld },
  members: { label: 'Members', audience: 'Everybody of your organisation', icon: IconUsers },
  private: { label: 'Private', audience: 'You, and the editors of your organisation', icon: IconLock },
};

export const STATUSES: Record<Content['status'], { label: string; color: string }> = {
  draft: { label: 'Draft', color: 'gray' },
  published: { label: 'Published', color: 'teal' },
};
