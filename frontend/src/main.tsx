import { createRoot } from "react-dom/client";
import { App } from "./app/App";
import { start } from "./app/session";
import "./styles/tokens.css";
import "./styles/base.css";

const root = document.getElementById("root");
if (root) {
  start();
  createRoot(root).render(<App />);
}
