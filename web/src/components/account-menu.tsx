import { useState } from "preact/hooks";
import { describe } from "../api/problem";
import type { User } from "../api/types";
import { useApp } from "../app/context";
import { useStore } from "../app/store";
import { theme } from "../app/theme";
import type { Theme } from "../app/theme-storage";
import { Icon } from "./icon";
import { Menu, MenuItem } from "./menu";
import "./account-menu.css";

const THEMES: readonly [Theme, string][] = [
    ["system", "System"],
    ["light", "Light"],
    ["dark", "Dark"],
];

export function AccountMenu({ user }: { user: User }) {
    const { client, router } = useApp();
    const chosen = useStore(theme);
    const [error, setError] = useState<string | null>(null);
    const face = (
        <>
            <span class="account-letter" aria-hidden="true">{user.username.slice(0, 1).toUpperCase()}</span>
            <span class="account-name">{user.username}</span>
            <Icon name="chevron" />
        </>
    );

    return (
        <Menu face={face} label={`Account ${user.username}`} className="account-button">
            {() => (
                <>
                    <div class="account-card">
                        <strong>{user.username}</strong>
                        <span>{user.role === "admin" ? "Administrator" : "User"}</span>
                    </div>
                    <hr class="menu-line" />
                    <div class="menu-heading">Appearance</div>
                    {THEMES.map(([value, name]) => (
                        <MenuItem key={value} checked={chosen === value} onSelect={() => theme.set(value)}>
                            {name}
                        </MenuItem>
                    ))}
                    <hr class="menu-line" />
                    <MenuItem icon="play" onSelect={() => router.go("/recordings")}>Recordings</MenuItem>
                    <MenuItem
                        icon="signOut"
                        onSelect={() => {
                            client.auth.signOut().catch((failure: unknown) => setError(describe(failure)));
                        }}
                    >
                        Sign out
                    </MenuItem>
                    {error !== null && <p class="account-error" role="alert">{error}</p>}
                </>
            )}
        </Menu>
    );
}
