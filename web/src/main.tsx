import { render } from "preact";
import "./styles/tokens.css";
import "./styles/base.css";
import { Client } from "./api/client";
import { Application } from "./app/application";
import { Router } from "./app/router";

const root = document.getElementById("app");
if (root !== null) {
    render(<Application app={{ client: new Client(), router: new Router() }} />, root);
}
