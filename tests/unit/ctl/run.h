#pragma once
// Runs a program to its end.

#define RUN_OUTPUT_MAX 65536

struct run {
    int status;                  // of its exit; -1: it did not exit by itself
    char output[RUN_OUTPUT_MAX]; // stdout, or all that the terminal showed
    char errors[RUN_OUTPUT_MAX]; // stderr
};

// Gives it `input` as its standard input; argv ends with NULL.
void run_program(struct run *run, const char *input, const char *const *argv);
// Gives it a terminal of its own and types `input` into it, line by line, each once the program has asked (printed ": ").
void run_on_terminal(struct run *run, const char *const *lines, const char *const *argv);
