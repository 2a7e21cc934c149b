import { Store } from "./store";
import { applyTheme, rememberTheme, storedTheme, type Theme } from "./theme-storage";

export const theme = new Store<Theme>(storedTheme());

theme.subscribe(() => {
    applyTheme(theme.get());
    rememberTheme(theme.get());
});
