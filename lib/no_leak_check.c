// Of programs whose filter refuses the calls of the leak check at exit; the unit tests look for leaks.

const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "detect_leaks=0";
}
