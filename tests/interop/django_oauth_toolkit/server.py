"""Debian's django-oauth-toolkit on a loopback port of the kernel's choice, with alice signed in and consenting.
Usage: /usr/bin/python3 server.py FOLDER GRACE_SECONDS "REDIRECT_URI…". Prints one line, "listening BASE".
What the server tells about itself is under /test/: GET /test/log, POST /test/access-ttl with a number of seconds."""

import json
import pathlib
import sys
import threading
import types
from socketserver import ThreadingMixIn
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import django
from django.conf import settings

folder, grace, redirect_uris = pathlib.Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
urls = types.ModuleType("interop_urls")
sys.modules[urls.__name__] = urls
access_log, log_lock = [], threading.Lock()


def signed_in(get_response):
    def serve(request):
        from django.contrib.auth.models import User
        request.user = User.objects.get(username="alice")
        return get_response(request)
    return serve


urls.signed_in = signed_in
settings.configure(
    SECRET_KEY="loopback only", ALLOWED_HOSTS=["127.0.0.1"], USE_TZ=True, ROOT_URLCONF=urls.__name__,
    DEFAULT_AUTO_FIELD="django.db.models.AutoField", MIDDLEWARE=[f"{urls.__name__}.signed_in"],
    INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", "oauth2_provider"],
    TEMPLATES=[{"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True}],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": str(folder / "db.sqlite"), "OPTIONS": {"timeout": 60}}},
    LOGGING={"version": 1, "disable_existing_loggers": True},
    OAUTH2_PROVIDER={"PKCE_REQUIRED": True, "ROTATE_REFRESH_TOKEN": True, "REFRESH_TOKEN_GRACE_PERIOD_SECONDS": grace,
                     "ACCESS_TOKEN_EXPIRE_SECONDS": 3600, "REFRESH_TOKEN_EXPIRE_SECONDS": 86400,
                     "SCOPES": {"read": "read", "write": "write"},
                     "ALWAYS_RELOAD_OAUTHLIB_CORE": True})  # or the first access-token life would be the life of all
django.setup()

from django.contrib.auth.models import User
from django.core.management import call_command
from django.core.wsgi import get_wsgi_application
from django.http import HttpResponse, JsonResponse
from django.urls import include, path
from django.views.decorators.csrf import csrf_exempt
from oauth2_provider.decorators import protected_resource
from oauth2_provider.models import get_application_model, get_refresh_token_model
from oauth2_provider.settings import oauth2_settings


@csrf_exempt
def set_access_ttl(request):
    oauth2_settings.ACCESS_TOKEN_EXPIRE_SECONDS = int(request.body)
    return HttpResponse()


def show_log(_):
    tokens = [{"token": one.token, "revoked": one.revoked is not None} for one in get_refresh_token_model().objects.order_by("id")]
    with log_lock:
        return JsonResponse({"requests": list(access_log), "refresh_tokens": tokens})


@protected_resource(scopes=["read"])
def me(request):
    return JsonResponse({"user": request.resource_owner.username})


urls.urlpatterns = [path("o/", include("oauth2_provider.urls", namespace="oauth2_provider")), path("me", me),
                    path("test/log", show_log), path("test/access-ttl", set_access_ttl)]
call_command("migrate", verbosity=0)
alice = User.objects.create_user("alice")
get_application_model().objects.create(
    name="evergrant", client_id="app", client_secret="app-secret", client_type="confidential", user=alice,
    authorization_grant_type="authorization-code", redirect_uris=redirect_uris, skip_authorization=True)


def logged(application):
    """The access log, written before the client can see the answer."""
    def serve(environ, start_response):
        def start(status, *more):
            with log_lock:
                access_log.append(f"{environ['REQUEST_METHOD']} {environ['PATH_INFO']} {status.split()[0]}")
            return start_response(status, *more)
        return application(environ, start)
    return serve


class Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True
    request_queue_size = 128


class Handler(WSGIRequestHandler):
    def address_string(self):  # no name look-ups
        return self.client_address[0]

    def log_message(self, *_):
        pass


with make_server("127.0.0.1", 0, logged(get_wsgi_application()), Server, Handler) as server:
    print(f"listening http://127.0.0.1:{server.server_port}", file=sys.stderr, flush=True)
    server.serve_forever()
