import { describe, expect, it } from "vitest";
import { problemFrom } from "./request";

describe("an answer that is no success", () => {
  it("is told in the service's own words", () => {
    const problem = problemFrom(
      404,
      JSON.stringify({ title: "No such profile", code: "profile_not_found", detail: "there is no profile `x`" }),
    );
    expect(problem).toMatchObject({
      message: "No such profile",
      detail: "there is no profile `x`",
      status: 404,
      code: "profile_not_found",
    });
  });

  it("is quoted where it is not the service that answered", () => {
    expect(problemFrom(502, "<h1>Bad Gateway</h1>")).toMatchObject({
      message: "The service answered 502",
      detail: "<h1>Bad Gateway</h1>",
    });
  });

  it.each(["", "null", "[]", '{"title":7}'])("says its status when there is nothing else to say: %j", (body) => {
    expect(problemFrom(500, body).message).toBe("The service answered 500");
  });
});
