import { Component, type ReactNode } from 'react';

interface Props {
  children: ReactNode;
  /** What stands in for the children after one of them threw. */
  fallback: (error: unknown, retry: () => void) => ReactNode;
  onRetry?: () => void;
}

interface State {
  failed: boolean;
  error: unknown;
}

/** Keeps the failure of a part from taking the whole page. React has this for classes only. */
export class ErrorBoundary extends Component<Props, State> {
  override state: State = { failed: false, error: null };

  static getDerivedStateFromError(error: unknown): State {
    return { failed: true, error };
  }

  private retry = () => {
    this.props.onRetry?.();
    this.setState({ failed: false, error: null });
  };

  override render() {
    return this.state.failed ? this.props.fallback(this.state.error, this.retry) : this.props.children;
  }
}
