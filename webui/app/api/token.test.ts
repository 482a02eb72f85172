import { afterEach, describe, expect, it, vi } from "vitest";
import { requestJson } from "./request";
import { keepToken, onTokenWanted } from "./token";

const kept = new Map<string, string>();
vi.stubGlobal("sessionStorage", {
  getItem: (key: string) => kept.get(key) ?? null,
  setItem: (key: string, value: string) => void kept.set(key, value),
});

function answering(status: number) {
  const asked = vi.fn<typeof fetch>(async () => new Response(JSON.stringify({ title: "no" }), { status }));
  vi.stubGlobal("fetch", asked);
  return asked;
}

const shown = (asked: ReturnType<typeof answering>) =>
  new Headers(asked.mock.calls[0]?.[1]?.headers).get("authorization");

describe("a token", () => {
  afterEach(() => kept.clear());

  it("is shown with every request once there is one", async () => {
    const before = answering(200);
    await requestJson("v1/profiles");
    expect(shown(before)).toBeNull();
    keepToken("bh_x");
    const after = answering(200);
    await requestJson("v1/profiles", { headers: { "content-type": "text/plain" } });
    expect(shown(after)).toBe("Bearer bh_x");
  });

  it("is asked for when the service refuses, and only then", async () => {
    const wanted = vi.fn();
    const stop = onTokenWanted(wanted);
    answering(403);
    await expect(requestJson("v1/profiles")).rejects.toThrow();
    expect(wanted).not.toHaveBeenCalled();
    answering(401);
    await expect(requestJson("v1/profiles")).rejects.toThrow();
    expect(wanted).toHaveBeenCalledOnce();
    stop();
    await expect(requestJson("v1/profiles")).rejects.toThrow();
    expect(wanted).toHaveBeenCalledOnce();
  });
});
