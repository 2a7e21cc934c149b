import { applyTheme, storedTheme } from "./app/theme-storage";

applyTheme(storedTheme());
