/*
 * raii - the library from C++: what a scope takes goes back when the scope is left, also by an exception
 *
 * Role:       classes around a session, an extent and its memory, to be copied and added to; and a program that shows that they hold.
 * Uses:       <paclient.h>, as a stranger would; C++11
 *
 *	raii REGION
 *
 * REGION has something behind its addresses. Takes pages, writes into them, reads that as somebody else who shares them, asks for more than
 * there is, and says at the end how many pages are held still: none.
 */
#include <paclient.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <stdexcept>
#include <string>

namespace pages {

/* A call has failed: all that there is to say about it. */
class Error : public std::runtime_error {
public:
	explicit Error(const paclient_error &error) : std::runtime_error(error.message), error(error) {}

	int status() const { return error.status; }

	const paclient_error error;
};

/* The last argument of a call, and what follows from it. */
class Call : public paclient_call {
public:
	Call() : paclient_call(PACLIENT_CALL_INIT) {}

	void check(int status) const
	{
		if (status)
			throw Error(error);
	}
};

/* A session, which ends with its scope. Extents and memory do not outlive it. */
class Client {
public:
	explicit Client(const char *socket = nullptr)
	{
		Call call;

		call.check(paclient_open(socket, nullptr, &handle, &call));
	}

	~Client() { paclient_close(handle); }

	Client(const Client &) = delete;
	Client &operator=(const Client &) = delete;

	uint32_t region(const std::string &name) const
	{
		Call call;
		uint32_t id = 0;

		call.check(paclient_region_open(handle, name.c_str(), &id, &call));
		return id;
	}

	paclient *get() const { return handle; }

private:
	paclient *handle = nullptr;
};

/* Pages that are held: taken, or shared by name. Moved, not copied. */
class Extent {
public:
	static Extent take(const Client &client, uint32_t region, uint64_t npages, const char *name = nullptr)
	{
		Call call;
		paclient_alloc_options options = PACLIENT_ALLOC_OPTIONS_INIT;
		uint64_t addr = 0;

		options.name = name;
		call.check(paclient_alloc_with(client.get(), region, 1, &npages, &options, &addr, &call));
		return Extent(client.get(), region, addr, npages);
	}

	static Extent share(const Client &client, uint32_t region, const char *name)
	{
		Call call;
		paclient_extent found = {};

		found.size = sizeof(found);
		call.check(paclient_share_name(client.get(), region, name, &found, &call));
		return Extent(client.get(), region, found.addr, found.npages);
	}

	/* Whoever holds it with others only lets go of it. There is nobody to tell of a failure: the session's end gives it back in any case. */
	~Extent()
	{
		if (client && paclient_release(client, region, addr, nullptr, nullptr, nullptr))
			std::fprintf(stderr, "extent at 0x%llx: not given back\n", static_cast<unsigned long long>(addr));
	}

	Extent(Extent &&other) noexcept : client(other.client), region(other.region), addr(other.addr), npages(other.npages)
	{
		other.client = nullptr;
	}

	Extent(const Extent &) = delete;
	Extent &operator=(const Extent &) = delete;

private:
	Extent(paclient *client, uint32_t region, uint64_t addr, uint64_t npages)
		: client(client), region(region), addr(addr), npages(npages)
	{
	}

	friend class Memory;
	paclient *client;
	uint32_t region;
	uint64_t addr;
	uint64_t npages;
};

/* An extent's pages as memory. It ends before the extent does. */
class Memory {
public:
	explicit Memory(const Extent &extent, unsigned flags = 0) : client(extent.client), region(extent.region), npages(extent.npages)
	{
		Call call;

		call.check(paclient_map(client, region, extent.addr, npages, flags, &memory, &call));
	}

	~Memory()
	{
		if (paclient_unmap(client, region, memory, npages, nullptr))
			std::fprintf(stderr, "memory at %p: not unmapped\n", memory);
	}

	Memory(const Memory &) = delete;
	Memory &operator=(const Memory &) = delete;

	char *data() const { return static_cast<char *>(memory); }

private:
	paclient *client;
	uint32_t region;
	uint64_t npages;
	void *memory = nullptr;
};

} // namespace pages

/* Pages held in the region, by whomever. */
static unsigned long long held(const pages::Client &client, uint32_t region)
{
	pages::Call call;
	paclient_region_stat stat = {};

	stat.size = sizeof(stat);
	call.check(paclient_stat_region(client.get(), region, &stat, &call));
	return stat.session_npages + stat.detached_npages;
}

static void show(const char *region_name)
{
	const char *socket = std::getenv("PACLIENT_SOCKET");
	pages::Client writer(socket), reader(socket);
	const uint32_t region = writer.region(region_name);

	try {
		pages::Extent extent = pages::Extent::take(writer, region, 16, "greeting");
		{
			pages::Memory memory(extent, PACLIENT_WRITE);
			std::strcpy(memory.data(), "hello from C++");
		}
		pages::Extent same = pages::Extent::share(reader, region, "greeting");
		pages::Memory memory(same);
		std::printf("read: %s\nheld: %llu\n", memory.data(), held(reader, region));
		/* Leaves this scope, and all that is held in it goes back. */
		pages::Extent::take(writer, region, 1024);
	} catch (const pages::Error &e) {
		std::printf("refused: %s\n", paclient_status_name(e.status()));
	}
	std::printf("held: %llu\n", held(writer, region));
}

int main(int argc, char **argv)
{
	if (argc != 2) {
		std::fprintf(stderr, "usage: %s REGION\n", argv[0]);
		return 2;
	}
	try {
		show(argv[1]);
	} catch (const pages::Error &e) {
		std::fprintf(stderr, "%s\n", e.what());
		return 1;
	}
	return 0;
}
