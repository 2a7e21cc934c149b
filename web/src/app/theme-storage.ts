export type Theme = "system" | "light" | "dark";

const KEY = "theme";

export function storedTheme(): Theme {
    try {
        const value = localStorage.getItem(KEY);
        return value === "light" || value === "dark" ? value : "system";
    } catch {
        // Storage can be forbidden by the browser's settings.
        return "system";
    }
}

export function applyTheme(theme: Theme): void {
    if (theme === "system") {
        delete document.documentElement.dataset["theme"];
    } else {
        document.documentElement.dataset["theme"] = theme;
    }
}

export function rememberTheme(theme: Theme): void {
    try {
        localStorage.setItem(KEY, theme);
    } catch {
        // The choice then lasts as long as the page.
    }
}
