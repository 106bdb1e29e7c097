/* wire.h - the frames between an engine and the agent inside a sandbox: their list,
 * writing them, and taking received bytes apart. Pure: no input or output, no
 * allocation, no state but whether the peer has said hello. Both ends use it; what it
 * lets through has a known type, a right direction, a bounded size and well-formed
 * fields, whatever the peer sent.
 *
 * A frame is a header of 12 bytes, little-endian, and a body:
 *   u32 length of the body, u8 type, u8 zero, u16 zero, u32 id (of a run or transfer)
 * A body is raw data, nothing, or fields: { u16 tag, u32 length, bytes } each. A number
 * has 8 bytes; a text ends with its only NUL. */
#ifndef ENC_WIRE_H
#define ENC_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ENC_WIRE_MAGIC       "enclave agent"
#define ENC_WIRE_VERSION     1u
#define ENC_WIRE_HEADER      12u
#define ENC_WIRE_FIELD       6u            /* tag and length of a field */
#define ENC_WIRE_DATA_MAX    (64u * 1024)  /* a frame of raw data */
#define ENC_WIRE_REPLY_MAX   (16u * 1024)  /* fields, agent to engine */
#define ENC_WIRE_REQUEST_MAX (3u << 20)    /* fields, engine to agent */
#define ENC_WIRE_INLINE_MAX  (256u * 1024) /* code or input inside a RUN */
#define ENC_WIRE_WINDOW      (256u * 1024) /* input of a run that was not credited yet */

enum enc_wire_way {
    ENC_WIRE_TO_AGENT = 1,
    ENC_WIRE_TO_ENGINE = 2,
    ENC_WIRE_BOTH = 3,
};
enum enc_wire_body { ENC_WIRE_EMPTY, ENC_WIRE_FIELDS, ENC_WIRE_RAW };

/* X(CONSTANT, number, way, body, has an id) */
#define ENC_WIRE_TYPES(X)                                                                          \
    X(HELLO, 1, BOTH, FIELDS, false)      /* magic, version; the first frame */                    \
    X(CONFIG, 2, TO_AGENT, FIELDS, false) /* what the sandbox is; once; answered by READY */       \
    X(RUN, 3, TO_AGENT, FIELDS, true)     /* start a program; ends with EXIT */                    \
    X(INPUT, 4, TO_AGENT, RAW, true)      /* its standard input, within the window */              \
    X(INPUT_END, 5, TO_AGENT, EMPTY, true)                                                         \
    X(PAUSE, 6, TO_AGENT, EMPTY, true) /* of its output */                                         \
    X(RESUME, 7, TO_AGENT, EMPTY, true)                                                            \
    X(STOP, 8, TO_AGENT, EMPTY, true) /* kill the run; give up the transfer */                     \
    X(PUT, 9, TO_AGENT, FIELDS, true) /* file; then DATA frames and PUT_END; DONE */               \
    X(DATA, 10, TO_AGENT, RAW, true)                                                               \
    X(PUT_END, 11, TO_AGENT, EMPTY, true)                                                          \
    X(FOLDER, 12, TO_AGENT, FIELDS, true)  /* make a folder and its parents; DONE */               \
    X(LINK, 13, TO_AGENT, FIELDS, true)    /* make a symbolic link; DONE */                        \
    X(GET, 14, TO_AGENT, FIELDS, true)     /* FILE frames, then DONE */                            \
    X(RESET, 15, TO_AGENT, EMPTY, false)   /* CLEANED */                                           \
    X(PING, 16, TO_AGENT, EMPTY, true)     /* PONG with the same id */                             \
    X(READY, 32, TO_ENGINE, FIELDS, false) /* warm: which interpreters are up */                   \
    X(OUTPUT, 33, TO_ENGINE, RAW, true)    /* of a run: standard output */                         \
    X(ERRORS, 34, TO_ENGINE, RAW, true)    /* standard error */                                    \
    X(EXIT, 35, TO_ENGINE, FIELDS, true)   /* the run is over; nothing follows for its id */       \
    X(CREDIT, 36, TO_ENGINE, FIELDS, true) /* bytes of its input that were taken */                \
    X(FILE, 37, TO_ENGINE, RAW, true)                                                              \
    X(DONE, 38, TO_ENGINE, FIELDS, true) /* the transfer is over; failure and text, or none */     \
    X(CLEANED, 39, TO_ENGINE, FIELDS, false)                                                       \
    X(PONG, 40, TO_ENGINE, EMPTY, true)                                                            \
    X(LOG, 41, TO_ENGINE, FIELDS, false)     /* a line for the engine's log: text */               \
    X(SERVICE, 42, TO_ENGINE, FIELDS, false) /* the supervised command ended */

enum enc_wire_type {
#define X(constant, number, way, body, has_id) ENC_WIRE_##constant = number,
    ENC_WIRE_TYPES(X)
#undef X
};

enum enc_wire_kind { ENC_WIRE_NUMBER, ENC_WIRE_TEXT, ENC_WIRE_BYTES };

/* X(CONSTANT, number, way, kind). Times are nanoseconds. */
#define ENC_WIRE_TAGS(X)                                                                           \
    X(MAGIC, 1, BOTH, TEXT)                                                                        \
    X(VERSION, 2, BOTH, NUMBER)                                                                    \
    X(WORK_FOLDER, 3, TO_AGENT, TEXT)                                                              \
    X(USER, 4, TO_AGENT, TEXT)                                                                     \
    X(PLACE, 5, TO_AGENT, TEXT)        /* to be emptied by a reset; several */                     \
    X(ENV, 6, TO_AGENT, TEXT)          /* NAME=value; several, the last one of a name holds */     \
    X(ARG, 7, TO_AGENT, TEXT)          /* of the run, or of the service in CONFIG; several */      \
    X(WARM, 8, BOTH, TEXT)             /* name of an interpreter */                                \
    X(PRELOAD, 9, TO_AGENT, TEXT)      /* module that warm Python imports; several */              \
    X(FOLDER_PATH, 10, TO_AGENT, TEXT) /* working folder of a run */                               \
    X(CODE_PATH, 11, TO_AGENT, TEXT)                                                               \
    X(CODE, 12, TO_AGENT, BYTES)        /* written to CODE_PATH before the start */                \
    X(STDIN, 13, TO_AGENT, BYTES)       /* the first input; outside of the window */               \
    X(STDIN_OPEN, 14, TO_AGENT, NUMBER) /* 1: more input follows */                                \
    X(TIMEOUT, 15, TO_AGENT, NUMBER)    /* from the receipt; absent: none */                       \
    X(MAX_OUTPUT,                                                                                  \
      16,                                                                                          \
      TO_AGENT,                                                                                    \
      NUMBER) /* the first so many bytes and the last half as many are sent; 0: all */             \
    X(KEEP_CHILDREN, 17, TO_AGENT, NUMBER) /* 1: what it leaves running may go on */               \
    X(CPU_SECONDS, 18, TO_AGENT, NUMBER)                                                           \
    X(MEMORY_BYTES, 19, TO_AGENT, NUMBER)                                                          \
    X(FILE_BYTES, 20, TO_AGENT, NUMBER)                                                            \
    X(OPEN_FILES, 21, TO_AGENT, NUMBER)                                                            \
    X(PROCESSES, 22, TO_AGENT, NUMBER)                                                             \
    X(STACK_BYTES, 23, TO_AGENT, NUMBER)                                                           \
    X(PATH, 24, TO_AGENT, TEXT)                                                                    \
    X(TARGET, 25, TO_AGENT, TEXT)                                                                  \
    X(MODE, 26, TO_AGENT, NUMBER)                                                                  \
    X(MAX_BYTES, 27, TO_AGENT, NUMBER)                                                             \
    X(EXIT_CODE, 64, TO_ENGINE, NUMBER)                                                            \
    X(SIGNAL, 65, TO_ENGINE, NUMBER)                                                               \
    X(TIMED_OUT, 66, TO_ENGINE, NUMBER)                                                            \
    X(WALL, 67, TO_ENGINE, NUMBER)                                                                 \
    X(USER_TIME, 68, TO_ENGINE, NUMBER)                                                            \
    X(SYSTEM_TIME, 69, TO_ENGINE, NUMBER)                                                          \
    X(PEAK_MEMORY, 70, TO_ENGINE, NUMBER)                                                          \
    X(LIMIT, 71, TO_ENGINE, NUMBER) /* enum enc_wire_limit */                                      \
    X(OOM_KILLED, 72, TO_ENGINE, NUMBER)                                                           \
    X(WAS_WARM, 73, TO_ENGINE, NUMBER)                                                             \
    X(ISOLATION, 74, TO_ENGINE, NUMBER) /* enum enc_wire_isolation */                              \
    X(OUTPUT_TOTAL, 75, TO_ENGINE, NUMBER)                                                         \
    X(ERRORS_TOTAL, 76, TO_ENGINE, NUMBER)                                                         \
    X(BYTE_COUNT, 77, TO_ENGINE, NUMBER)                                                           \
    X(FAILURE, 78, TO_ENGINE, NUMBER) /* enum enc_wire_failure */                                  \
    X(TEXT, 79, TO_ENGINE, TEXT)                                                                   \
    X(DURATION, 80, TO_ENGINE, NUMBER)                                                             \
    X(KILLED, 81, TO_ENGINE, NUMBER)                                                               \
    X(REMOVED, 82, TO_ENGINE, NUMBER)                                                              \
    X(IPC_REMOVED, 83, TO_ENGINE, NUMBER)

enum enc_wire_tag {
#define X(constant, number, way, kind) ENC_WIRE_TAG_##constant = number,
    ENC_WIRE_TAGS(X)
#undef X
};

/* X(CONSTANT, number, name as in enc_run_result) */
#define ENC_WIRE_LIMITS(X)                                                                         \
    X(TIME, 1, "time")                                                                             \
    X(CPU, 2, "cpu")                                                                               \
    X(MEMORY, 3, "memory")                                                                         \
    X(OUTPUT, 4, "output")                                                                         \
    X(PIDS, 5, "pids")                                                                             \
    X(DISK, 6, "disk")                                                                             \
    X(FILES, 7, "files")

enum enc_wire_limit {
    ENC_WIRE_LIMIT_NONE,
#define X(constant, number, name) ENC_WIRE_LIMIT_##constant = number,
    ENC_WIRE_LIMITS(X)
#undef X
};

enum enc_wire_isolation { ENC_WIRE_ISOLATION_RESET = 1, ENC_WIRE_ISOLATION_NAMESPACES = 2 };

enum enc_wire_failure {
    ENC_WIRE_OK,
    ENC_WIRE_NOT_FOUND,
    ENC_WIRE_INVALID,   /* not allowed, no regular file, larger than asked for */
    ENC_WIRE_EXHAUSTED, /* disk, memory, descriptors */
    ENC_WIRE_FAILED,
};

/* ---- writing ----------------------------------------------------------------- */

/* Writes one frame of fields into the caller's buffer. Everything is counted, also what
 * has no room: with room 0 it only measures, and a frame is good when len <= room. */
struct enc_wire_writer {
    uint8_t *bytes;
    size_t room, len;
};

void enc_wire_header(uint8_t header[ENC_WIRE_HEADER],
                     enum enc_wire_type type,
                     uint32_t id,
                     size_t body_len);
void enc_wire_begin(
    struct enc_wire_writer *writer, void *bytes, size_t room, enum enc_wire_type type, uint32_t id);
void enc_wire_put_number(struct enc_wire_writer *writer, enum enc_wire_tag tag, uint64_t number);
void enc_wire_put_text(struct enc_wire_writer *writer, enum enc_wire_tag tag, const char *text);
void enc_wire_put_bytes(struct enc_wire_writer *writer,
                        enum enc_wire_tag tag,
                        const void *bytes,
                        size_t len);
/* Sets the length of the body. False: there was not enough room. */
bool enc_wire_end(struct enc_wire_writer *writer);

/* ---- reading ----------------------------------------------------------------- */

struct enc_wire_peer {
    enum enc_wire_way way; /* of the frames that are read */
    bool greeted;          /* its HELLO came */
};

struct enc_wire_frame {
    enum enc_wire_type type;
    uint32_t id;
    const uint8_t *body; /* inside the bytes that were given */
    size_t len;
};

/* Takes the first frame off bytes. 1: *frame is whole and checked; it takes
 * ENC_WIRE_HEADER + frame->len bytes. 0: more bytes are needed, *need in all. -1: the
 * peer broke the format, *reason says how (a literal). */
int enc_wire_next(struct enc_wire_peer *peer,
                  const void *bytes,
                  size_t len,
                  struct enc_wire_frame *frame,
                  size_t *need,
                  const char **reason);

struct enc_wire_field {
    enum enc_wire_tag tag;
    uint64_t number;
    const char *text; /* text: a C string; bytes: their start */
    size_t len;       /* without the NUL of a text */
};

/* The field at *offset (from 0), which moves on. False: there is none left. Only for
 * frames of fields that enc_wire_next has given. */
bool enc_wire_field(const struct enc_wire_frame *frame,
                    size_t *offset,
                    struct enc_wire_field *field);

/* The last field with this tag. */
bool enc_wire_find(const struct enc_wire_frame *frame,
                   enum enc_wire_tag tag,
                   struct enc_wire_field *field);
/* Its number or text, or the fallback. */
uint64_t enc_wire_number(const struct enc_wire_frame *frame,
                         enum enc_wire_tag tag,
                         uint64_t fallback);
const char *enc_wire_text(const struct enc_wire_frame *frame,
                          enum enc_wire_tag tag,
                          const char *fallback);

/* "RUN"; "?" for a number that is none. */
const char *enc_wire_type_name(unsigned type);

#endif
