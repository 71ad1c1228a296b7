package schleuse;

import java.io.IOException;

/** Bytes that are not what the protocol says. An answer that cannot be read is as good as none. */
public final class MalformedException extends IOException {
    private static final long serialVersionUID = 1L;

    MalformedException(String what) {
        super(what);
    }
}
