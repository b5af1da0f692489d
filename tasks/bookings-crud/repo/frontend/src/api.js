const base = "/api/v1";

export async function listRooms({ limit = 20, offset = 0 } = {}) {
  const query = new URLSearchParams({ limit, offset });
  const response = await fetch(`${base}/rooms?${query}`, {
    headers: { "Accept-Language": document.documentElement.lang },
  });
  const body = await response.json();
  if (!response.ok) throw new Error(body.error.message);
  return body;
}
