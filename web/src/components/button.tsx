import type { ButtonHTMLAttributes, ComponentChildren } from "preact";
import { useApp } from "../app/context";
import { Icon, type IconName } from "./icon";
import { Spinner } from "./spinner";
import "./button.css";

interface Look {
    look?: "primary" | "plain" | "danger" | "quiet" | "quiet-danger";
    icon?: IconName;
    size?: "large" | "normal";
    children?: ComponentChildren;
}

type ButtonProps = Look & Omit<ButtonHTMLAttributes<HTMLButtonElement>, keyof Look> & {
    /** Work is under way: shown, and not to be pressed again. */
    busy?: boolean;
};

export function Button({ look = "plain", size = "normal", icon, busy = false, children, ...rest }: ButtonProps) {
    return (
        <button
            type="button"
            {...rest}
            disabled={rest.disabled === true || busy}
            aria-busy={busy}
            class={`button button-${look} button-${size}`}
        >
            {busy ? <Spinner /> : icon !== undefined && <Icon name={icon} />}
            {children !== undefined && <span>{children}</span>}
        </button>
    );
}

type LinkProps = Look & { to: string; label?: string; class?: string };

/** A link to another page of this application: no load, but a real address for new tabs. */
export function PageLink({ to, look, size = "normal", icon, label, children, ...rest }: LinkProps) {
    const { router } = useApp();
    const open = (event: MouseEvent) => {
        if (event.button === 0 && !event.ctrlKey && !event.metaKey && !event.shiftKey && !event.altKey) {
            event.preventDefault();
            router.go(to);
        }
    };
    const name = look === undefined ? rest.class : `button button-${look} button-${size}`;
    return (
        <a href={to} class={name} onClick={open} aria-label={label}>
            {icon !== undefined && <Icon name={icon} />}
            {look === undefined ? children : children !== undefined && <span>{children}</span>}
        </a>
    );
}
