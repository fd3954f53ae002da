# late_proxy - a daemon's socket on which the second request of a connection takes longer: late_proxy.py LISTEN SOCKET SECONDS
import os, socket, sys, threading, time

def forward(source, to, late):
    n = 0
    while some := source.recv(65536):
        n += 1
        if late and n == 2:
            time.sleep(float(sys.argv[3]))
        to.sendall(some)
    to.shutdown(socket.SHUT_WR)

listener = socket.socket(socket.AF_UNIX)
listener.bind(sys.argv[1] + ".new")
listener.listen()
os.rename(sys.argv[1] + ".new", sys.argv[1])
while True:
    client = listener.accept()[0]
    daemon = socket.socket(socket.AF_UNIX)
    daemon.connect(sys.argv[2])
    threading.Thread(target=forward, args=(client, daemon, True), daemon=True).start()
    threading.Thread(target=forward, args=(daemon, client, False), daemon=True).start()
