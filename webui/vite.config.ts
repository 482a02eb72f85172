import { defineConfig } from "vitest/config";
import { licenses } from "./build/licenses.ts";
import { mockService } from "./mock/service.ts";

import packageJson from "./package.json" with { type: "json" };

const SERVICE = process.env["BYTEHOUND_URL"] ?? "http://localhost:8080";

export default defineConfig(({ mode }) => ({
  // Relative addresses: the application also works behind a proxy's path prefix.
  base: "./",
  plugins: [licenses(Object.keys(packageJson.dependencies)), mode === "mock" ? mockService() : null],
  build: {
    target: "es2022",
    // Inlined `data:` addresses would need a wider content security policy.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
  server: {
    proxy: Object.fromEntries(["/v1", "/script", "/script_files"].map((path) => [path, SERVICE])),
  },
  test: { include: ["app/**/*.test.{ts,tsx}"] },
}));
