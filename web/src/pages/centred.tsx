import type { ComponentChildren } from "preact";
import { Logo } from "../components/icon";
import "./centred.css";

/** A page that is one card. */
export function Centred({ wide = false, children }: { wide?: boolean; children: ComponentChildren }) {
    return (
        <main class="centred">
            <div class={wide ? "centred-column centred-wide" : "centred-column"}>
                <div class="centred-brand">
                    <Logo />
                    <span>sandbox-server</span>
                </div>
                <section class="centred-card">{children}</section>
            </div>
        </main>
    );
}
