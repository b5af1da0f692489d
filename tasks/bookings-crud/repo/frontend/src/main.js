import { listRooms } from "./api.js";

const list = document.querySelector("#rooms");
const { items } = await listRooms();
list.replaceChildren(
  ...items.map((room) => {
    const entry = document.createElement("p");
    entry.textContent = `${room.name} (${room.capacity})`;
    return entry;
  }),
);
