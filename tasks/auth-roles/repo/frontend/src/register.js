import { listDossiers } from "./api.js";

const table = document.querySelector("#register");
for (const dossier of (await listDossiers()).items) {
  const row = table.insertRow();
  for (const text of [dossier.number, dossier.title, dossier.owner_email ?? ""]) {
    row.insertCell().textContent = text;
  }
}
