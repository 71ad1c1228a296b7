package schleuse;

/**
 * A request object that is not from the server, not for this phone, or says more than this app understands.
 * The app offers "deny" and an update of itself; never "approve".
 */
public final class UntrustedException extends Exception {
    private static final long serialVersionUID = 1L;

    UntrustedException(String why) {
        super(why);
    }
}
