import type { ComponentChildren } from "preact";
import { Icon } from "./icon";
import "./message.css";

interface Props {
    tone: "danger" | "warning" | "neutral";
    title?: string;
    children?: ComponentChildren;
    /** Read out at once by screen readers: for what just happened. */
    alert?: boolean;
}

export function Message({ tone, title, children, alert = false }: Props) {
    return (
        <div class={`message message-${tone}`} role={alert ? "alert" : undefined}>
            <Icon name="warning" />
            <div class="message-text">
                {title !== undefined && <strong>{title}</strong>}
                {children !== undefined && <div>{children}</div>}
            </div>
        </div>
    );
}
