/** Build, development proxy and unit tests of the terminal. */
import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";

const gateway = process.env.UNDERTOW_GATEWAY ?? "http://127.0.0.1:8400";

export default defineConfig({
  plugins: [react()],
  build: { target: "es2022", sourcemap: false, chunkSizeWarningLimit: 700 },
  server: {
    proxy: {
      "/api": { target: gateway },
      "/ws": { target: gateway.replace(/^http/, "ws"), ws: true },
    },
  },
  test: { include: ["src/**/*.test.ts"], environment: "node" },
});
