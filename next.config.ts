import type { NextConfig } from 'next';

process.env.NEXT_TELEMETRY_DISABLED = '1';

/** The dashboard. The gateway serves it and sets the security headers, so that they hold for every answer. */
const config: NextConfig = {
  reactStrictMode: true,
  poweredByHeader: false,
  devIndicators: false,
  allowedDevOrigins: ['127.0.0.1'],
};

export default config;
