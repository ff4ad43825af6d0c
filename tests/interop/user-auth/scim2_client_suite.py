"""A directory keeps its people and groups in the running system, with scim2-client."""

from cases import run
from directory import connect
from scim2_client import SCIMClientException
from scim2_models import (
    BulkOperation,
    BulkRequest,
    Error,
    PatchOp,
    PatchOperation,
    SCIMException,
    SearchRequest,
)

scim = connect()
scim.discover()
User = scim.get_resource_model("User")
Group = scim.get_resource_model("Group")


def person(name, **more):
    """A person of the directory."""
    emails = [{"value": f"{name}@directory.example", "type": "work", "primary": True}]
    return scim.create(User(user_name=name, emails=emails, **more))


def patch(resource, *operations):
    """Changes parts of a resource."""
    operations = [PatchOperation(op=op, path=path, value=value) for op, path, value in operations]
    return scim.modify(type(resource), resource.id, PatchOp[type(resource)](operations=operations))


def names(filter, **more):
    """The names of the people whom a filter finds."""
    found = scim.search(User, SearchRequest(filter=filter, **more))
    return [user.user_name for user in found.resources or []]


def refused(call):
    """The error that a call ends with."""
    try:
        answer = call()
    except SCIMException as error:
        return error
    except SCIMClientException as error:
        raise AssertionError(f"the answer is none that the client understands: {error}") from error
    raise AssertionError(f"it was not refused: {answer}")


def the_server_says_what_it_can_do():
    config = scim.provider.config
    for feature in (config.patch, config.bulk, config.filter, config.sort, config.etag):
        assert feature.supported, config
    assert {kind.name for kind in scim.provider.resource_types} == {"User", "Group"}


def a_person_is_made_changed_and_deleted():
    user = person("ada", display_name="Ada", title="Countess")
    assert user.meta.version and user.active and user.emails[0].value == "ada@directory.example"
    changed = patch(user, ("replace", "displayName", "Ada Lovelace"), ("remove", "title", None))
    assert changed.display_name == "Ada Lovelace" and changed.title is None, changed
    user = scim.query(User, user.id)
    user.nick_name = "The Enchantress of Numbers"
    assert scim.replace(user).nick_name == "The Enchantress of Numbers"
    scim.delete(User, user.id)
    gone = scim.query(User, user.id, raise_scim_errors=False)
    assert isinstance(gone, Error) and gone.status == 404, gone


def an_old_version_changes_nothing():
    user = person("old")
    patch(user, ("replace", "title", "newer"))
    user.title = "older"
    error = refused(lambda: scim.replace(user))
    assert error.status == 412, error
    assert scim.query(User, user.id).title == "newer"


def filters_sort_and_pages_find_people():
    for name, title in (("filter-a", "Editor"), ("filter-b", "Producer"), ("filter-c", "Editor")):
        person(name, title=title)
    assert names('userName eq "FILTER-A"') == ["filter-a"]
    assert sorted(names('title eq "editor" and userName sw "filter-"')) == ["filter-a", "filter-c"]
    assert names('emails[type eq "work" and value co "filter-b@"]') == ["filter-b"]
    assert names('userName sw "filter-" and not (title co "edit")') == ["filter-b"]
    everybody = names('userName sw "filter-"', sort_by="userName", sort_order="descending")
    assert everybody == ["filter-c", "filter-b", "filter-a"], everybody
    page = scim.search(User, SearchRequest(filter='userName sw "filter-"', sort_by="userName", start_index=2, count=1))
    assert (page.total_results, page.items_per_page, page.resources[0].user_name) == (3, 1, "filter-b"), page


def a_wrong_filter_is_named():
    error = refused(lambda: scim.search(User, SearchRequest(filter='nobody eq "x"')))
    assert error.scim_type == "invalidFilter", error


def groups_have_members():
    user = person("grouped")
    group = scim.create(Group(display_name="Grouped", members=[{"value": user.id}]))
    assert [member.value for member in group.members] == [user.id]
    assert [one.display for one in scim.query(User, user.id).groups] == ["Grouped"]
    other = person("another")
    group = patch(group, ("add", "members", [{"value": other.id}]))
    assert len(group.members) == 2
    group = patch(group, ("remove", f'members[value eq "{user.id}"]', None))
    assert [member.value for member in group.members] == [other.id]
    assert not scim.query(User, user.id).groups


def a_name_is_given_once():
    person("unique")
    error = refused(lambda: person("UNIQUE"))
    assert (error.status, error.scim_type) == (409, "uniqueness"), error


def many_changes_go_in_one_request():
    user = User(user_name="bulk", emails=[{"value": "bulk@directory.example"}])
    group = Group(display_name="Bulk", members=[{"value": "bulkId:person"}])
    answer = scim.bulk(
        BulkRequest[User | Group](
            fail_on_errors=1,
            operations=[
                BulkOperation[Group](method="POST", path="/Groups", bulk_id="group", data=group),
                BulkOperation[User](method="POST", path="/Users", bulk_id="person", data=user),
            ],
        )
    )
    assert [str(one.status) for one in answer.operations] == ["201", "201"], answer
    found = scim.search(Group, SearchRequest(filter='displayName eq "Bulk"')).resources[0]
    assert names(f'groups.value eq "{found.id}"') == ["bulk"]


run(
    "scim2-client",
    [
        the_server_says_what_it_can_do,
        a_person_is_made_changed_and_deleted,
        an_old_version_changes_nothing,
        filters_sort_and_pages_find_people,
        a_wrong_filter_is_named,
        groups_have_members,
        a_name_is_given_once,
        many_changes_go_in_one_request,
    ],
)
