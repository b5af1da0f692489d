import { subscribe } from "./api.js";

const board = document.querySelector("#board");
board.addEventListener("submit", async (event) => {
  event.preventDefault();
  const person = Object.fromEntries(new FormData(event.target));
  const { name } = await subscribe(person);
  board.textContent = name;
});
