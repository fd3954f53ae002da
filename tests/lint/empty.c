/*
 * empty - a program that does nothing
 *
 * Role:       linked with the whole of one layer and only what that layer may use: an upward
 *             call does not link.
 * Uses:       nothing.
 */
int main(void)
{
	return 0;
}
