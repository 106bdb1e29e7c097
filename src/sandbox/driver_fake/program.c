#include <stdlib.h>
#include <string.h>

#include "fake.h"

static const char *base_name(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

static bool is_interpreter(const char *name) {
    return strncmp(name, "python", 6) == 0 || strcmp(name, "sh") == 0 || strcmp(name, "bash") == 0;
}

/* What is between the brackets of print("…"), without its quotes. */
static bool print_line(struct enc_buf *out, const char *line, size_t len) {
    static const char call[] = "print(";
    const size_t opening = sizeof call - 1;
    if (len <= opening || strncmp(line, call, opening) != 0 || line[len - 1] != ')')
        return false;
    const char *text = line + opening;
    len -= opening + 1;
    if (len >= 2 && (text[0] == '"' || text[0] == '\'') && text[len - 1] == text[0]) {
        text++;
        len -= 2;
    }
    enc_buf_append(out, text, len);
    enc_buf_append(out, "\n", 1);
    return true;
}

/* Not an interpreter: it knows print(…), echo … and exit n, and repeats other lines. */
static void interpret(struct enc_fake_program *program, const char *code, size_t len) {
    const char *end = code + len;
    while (code < end) {
        const char *stop = memchr(code, '\n', (size_t)(end - code));
        size_t line = (size_t)((stop ? stop : end) - code);
        if (line > 5 && line < 16 && strncmp(code, "exit ", 5) == 0) {
            program->code = atoi(code + 5);
            return;
        }
        if (line > 5 && strncmp(code, "echo ", 5) == 0) {
            enc_buf_append(&program->out, code + 5, line - 5);
            enc_buf_append(&program->out, "\n", 1);
        } else if (!print_line(&program->out, code, line)) {
            enc_buf_append(&program->out, code, line);
            enc_buf_append(&program->out, "\n", 1);
        }
        code += line + 1;
    }
}

static void print_arguments(struct enc_buf *buf, const char *const *argv) {
    for (size_t i = 1; argv[i]; i++)
        enc_buf_printf(buf, "%s%s", i > 1 ? " " : "", argv[i]);
    enc_buf_append(buf, "\n", 1);
}

static int cat(struct enc_fake_sandbox *fake,
               const char *const *argv,
               struct enc_fake_program *program) {
    for (size_t i = 1; argv[i]; i++) {
        struct enc_fake_file *file = enc_fake_find(fake, argv[i]);
        if (file) {
            enc_buf_append(&program->out, file->bytes.data, file->bytes.len);
        } else {
            enc_buf_printf(&program->err, "cat: %s: No such file or directory\n", argv[i]);
            program->code = 1;
        }
    }
    program->end = argv[1] ? ENC_FAKE_EXIT : ENC_FAKE_CAT;
    return 0;
}

static void run_script(struct enc_fake_sandbox *fake,
                       const struct enc_run_spec *spec,
                       struct enc_fake_program *program) {
    const char *const *argv = spec->argv;
    struct enc_fake_file *file = argv[1] ? enc_fake_find(fake, argv[1]) : NULL;
    if (spec->code)
        interpret(program, spec->code, spec->code_len);
    else if (argv[1] && strcmp(argv[1], "-c") == 0 && argv[2])
        interpret(program, argv[2], strlen(argv[2]));
    else if (file)
        interpret(program, file->bytes.data, file->bytes.len);
}

int enc_fake_program(struct enc_fake_sandbox *fake,
                     const struct enc_run_spec *spec,
                     struct enc_fake_program *program) {
    const char *const *argv = spec->argv;
    const char *name = base_name(argv[0]), *first = argv[1] ? argv[1] : "";
    if (spec->code && spec->code_path &&
        enc_fake_write(fake, spec->code_path, ENC_PUT_FILE, 0644, spec->code, spec->code_len) < 0)
        return -1;
    if (strcmp(name, "echo") == 0) {
        print_arguments(&program->out, argv);
    } else if (strcmp(name, "err") == 0) {
        print_arguments(&program->err, argv);
    } else if (strcmp(name, "exit") == 0) {
        program->code = atoi(first);
    } else if (strcmp(name, "fail") == 0) {
        program->code = 1;
        enc_buf_printf(&program->err, "failed\n");
    } else if (strcmp(name, "cat") == 0) {
        return cat(fake, argv, program);
    } else if (strcmp(name, "write") == 0) {
        const char *text = argv[1] && argv[2] ? argv[2] : "";
        return enc_fake_write(fake, first, ENC_PUT_FILE, 0644, text, strlen(text));
    } else if (strcmp(name, "spam") == 0) {
        program->spam = strtoull(first, NULL, 10);
    } else if (strcmp(name, "sleep") == 0) {
        program->end = ENC_FAKE_SLEEP;
        program->seconds = strtod(first, NULL);
    } else if (strcmp(name, "hang") == 0) {
        program->end = ENC_FAKE_HANG;
        enc_buf_printf(&program->out, "hanging\n");
    } else if (strcmp(name, "die") == 0) {
        program->end = ENC_FAKE_DIE;
        enc_buf_printf(&program->out, "dying\n");
    } else if (is_interpreter(name)) {
        run_script(fake, spec, program);
    } else if (strcmp(name, "true") != 0) {
        program->code = 127;
        enc_buf_printf(&program->err, "%s: not found\n", name);
    }
    return 0;
}
