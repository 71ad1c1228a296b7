/**
 * A phone in plain Java 17, written from the device protocol alone: a pattern for whoever builds the
 * app on Android, and a second witness that the protocol's document says enough. It needs the JCA and
 * nothing else.
 *
 * <p>What is the same on Android: {@link schleuse.Jwk}, {@link schleuse.Es256}, {@link schleuse.Jws},
 * {@link schleuse.Proof}, {@link schleuse.Hpke}, {@link schleuse.Sealer}, {@link schleuse.Orders},
 * {@link schleuse.RequestObject}, {@link schleuse.Phone}.
 *
 * <p>What an app does otherwise:
 * <ul>
 *   <li>{@link schleuse.SoftwareKey}: the key is made in the Android Keystore, in StrongBox where there
 *       is one, and never leaves it; the app implements {@link schleuse.Signer} over it.
 *   <li>{@link schleuse.State}: the app keeps the device id and the Keystore alias, nothing secret; the
 *       token of the open app stays in memory.
 *   <li>{@link schleuse.Wire}: any HTTP client that does not follow redirects, for instance
 *       {@code HttpsURLConnection}; {@code java.net.http} does not exist there.
 *   <li>{@link schleuse.Main}: screens. A person types the match code and the device password.
 * </ul>
 */
package schleuse;
