// One profile, followed until it is ready or has failed.

import { useEffect, useState } from "preact/hooks";
import { getProfile } from "./api/service";
import type { Profile } from "./api/types";
import { isSettled, watchProfile } from "./api/watch";
import { useResource, type Resource } from "./resource";

export function useProfile(id: string): Resource<Profile> {
  const resource = useResource(id, (signal) => getProfile(id, signal));
  const [update, setUpdate] = useState<Profile | null>(null);
  const pending = resource.data !== null && !isSettled(resource.data.state) ? resource.data.id : null;
  useEffect(() => (pending === null ? undefined : watchProfile(pending, setUpdate)), [pending]);
  return { ...resource, data: update ?? resource.data };
}
