import { Spinner } from "../components/spinner";
import "./splash.css";

export function Splash() {
    return (
        <main class="splash" aria-busy="true">
            <Spinner />
            <span class="visually-hidden">Loading</span>
        </main>
    );
}
