import { Spinner } from "./spinner";
import "./reconnecting.css";

export function Reconnecting() {
    return (
        <div class="reconnecting" role="status">
            <Spinner />
            <span>The server does not answer. Reconnecting…</span>
        </div>
    );
}
