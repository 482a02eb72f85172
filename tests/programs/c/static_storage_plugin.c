/* A library for `static_storage`. */
__attribute__((tls_model("initial-exec"))) static __thread char storage[64];
char *stored(int at) { return &storage[at]; }
