import {
  IconAlertTriangle,
  IconApps,
  IconHome,
  IconKey,
  IconMail,
  IconMovie,
  type IconProps,
  IconShieldCheck,
  IconUserCircle,
  IconUsers,
} from '@tabler/icons-react';
import type { ComponentType } from 'react';
import type { Role } from '../api/types';
import { mayActAs } from '../session/use-session';

export interface NavigationItem {
  label: string;
  path: string;
  icon: ComponentType<IconProps>;
  /** The least that a person must be for it. */
  role: Role;
}

/** All places of the console, in the order in which they are shown. */
export const NAVIGATION: readonly NavigationItem[] = [
  { label: 'Home', path: '/', icon: IconHome, role: 'member' },
  { label: 'Media', path: '/media', icon: IconMovie, role: 'member' },
  { label: 'People', path: '/people', icon: IconUsers, role: 'admin' },
  { label: 'Applications', path: '/applications', icon: IconApps, role: 'admin' },
  { label: 'Keys and secrets', path: '/keys', icon: IconKey, role: 'admin' },
  { label: 'Sign-in log', path: '/sign-in-log', icon: IconShieldCheck, role: 'admin' },
  { label: 'Mailbox', path: '/mailbox', icon: IconMail, role: 'admin' },
  { label: 'Failed events', path: '/failed-events', icon: IconAlertTriangle, role: 'admin' },
  { label: 'Account', path: '/account', icon: IconUserCircle, role: 'member' },
];

/** The places that somebody with these roles may go to. The mailbox is only there while no mail server is. */
export function navigationFor(roles: readonly Role[], { mailbox }: { mailbox: boolean }): NavigationItem[] {
  return NAVIGATION.filter(({ path, role }) => mayActAs(roles, role) && (path !== '/mailbox' || mailbox));
}
