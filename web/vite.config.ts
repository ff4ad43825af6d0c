import react from '@vitejs/plugin-react';
import { defineConfig } from 'vitest/config';

// Where `make up` listens.
const gateway = 'http://127.0.0.1:3000';
const served = ['/api', '/api-docs', '/openapi.json', '/.well-known', '/health'];

export default defineConfig({
  plugins: [react()],
  server: { proxy: Object.fromEntries(served.map((path) => [path, { target: gateway, ws: true }])) },
  // The manifest is what scripts/size.mjs reads. Small files stay files: the gateway's policy allows no data: scripts.
  build: { manifest: true, target: 'es2022', assetsInlineLimit: 0, chunkSizeWarningLimit: 700 },
  test: { environment: 'jsdom', setupFiles: './src/test/setup.ts', restoreMocks: true, testTimeout: 30_000 },
});
