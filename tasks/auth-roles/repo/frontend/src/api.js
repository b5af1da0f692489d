export async function listDossiers({ limit = 20, offset = 0 } = {}) {
  const response = await fetch(`/api/dossiers?${new URLSearchParams({ limit, offset })}`, {
    headers: { "Accept-Language": document.documentElement.lang },
  });
  const body = await response.json();
  if (!response.ok) throw new Error(body.message);
  return body;
}
